package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
)

// etcd, and its clients. A member is this program again, with memberFlag.

func etcd() system {
	return system{name: "etcd", command: etcdCommand, connect: connectEtcd}
}

// memberFlag, with a memberConfig behind it, makes this program an etcd member.
const memberFlag = "-etcd-member"

// memberConfig is what a member has to know.
type memberConfig struct {
	Name, Dir, Client, Peer, Cluster string
}

func etcdCommand(self member, all []member) *exec.Cmd {
	var first []string
	for _, m := range all {
		first = append(first, fmt.Sprintf("%d=http://%s", m.id, m.peer))
	}
	config, _ := json.Marshal(memberConfig{ // strings only: it cannot fail
		Name: fmt.Sprint(self.id), Dir: self.dir, Client: "http://" + self.client, Peer: "http://" + self.peer,
		Cluster: strings.Join(first, ","),
	})
	executable, err := os.Executable()
	command := exec.Command(executable, memberFlag, string(config))
	command.Err = errors.Join(command.Err, err)
	return command
}

// serveMember runs a member until it fails. All but log level and quota are defaults of etcd.
func serveMember(args []string) error {
	var m memberConfig
	if err := json.Unmarshal([]byte(strings.Join(args, " ")), &m); err != nil {
		return fmt.Errorf("%s: %w", memberFlag, err)
	}
	client, err := url.Parse(m.Client)
	if err != nil {
		return err
	}
	peer, err := url.Parse(m.Peer)
	if err != nil {
		return err
	}
	config := embed.NewConfig()
	config.Name, config.Dir, config.InitialCluster = m.Name, m.Dir, m.Cluster
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{*client}, []url.URL{*client}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{*peer}, []url.URL{*peer}
	config.LogLevel = "warn"
	config.QuotaBackendBytes = 8 << 30 // a long run may need more than the default
	server, err := embed.StartEtcd(config)
	if err != nil {
		return err
	}
	return <-server.Err()
}

// grpcClient is a client with one connection.
type grpcClient struct {
	etcd *clientv3.Client
	at   string
}

func connectEtcd(m member) (client, error) {
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{"http://" + m.client}, Logger: zap.NewNop()})
	return &grpcClient{c, m.client}, err
}

func (c *grpcClient) put(ctx context.Context, key string, value []byte) error {
	_, err := c.etcd.Put(ctx, key, string(value))
	return err
}

func (c *grpcClient) get(ctx context.Context, key string) ([]byte, error) {
	resp, err := c.etcd.Get(ctx, key)
	switch {
	case err != nil:
		return nil, err
	case len(resp.Kvs) != 1:
		return nil, fmt.Errorf("get %s: %w", key, errNoKey)
	}
	return resp.Kvs[0].Value, nil
}

func (c *grpcClient) leads(ctx context.Context) (bool, error) {
	status, err := c.etcd.Status(ctx, c.at)
	if err != nil {
		return false, err
	}
	return status.Leader == status.Header.MemberId, nil
}

func (c *grpcClient) close() { _ = c.etcd.Close() }
