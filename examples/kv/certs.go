package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// kv certs makes certificates for a test: an authority, and what it has signed for all replicas and
// for a client. It keeps an authority that is there already, so it also renews the others.

// certMaker is the command line of kv certs.
type certMaker struct {
	out, hosts string
	days       int
}

// runCerts returns the exit status, as run does.
func runCerts(args []string, stdout, stderr io.Writer) int {
	var c certMaker
	flags := flag.NewFlagSet("kv certs", flag.ContinueOnError)
	flags.StringVar(&c.out, "out", "", "folder to write to")
	flags.StringVar(&c.hosts, "hosts", "localhost,127.0.0.1,::1", "names and IP addresses of the replicas, separated by commas")
	flags.IntVar(&c.days, "days", 365, "how many days the certificates are valid")
	return runCommand(flags, args, c.check, c.run, stdout, stderr)
}

func (c *certMaker) check(rest []string) error {
	if c.out == "" || c.hosts == "" || c.days <= 0 || len(rest) > 0 {
		return errors.New("certs needs -out, and takes flags only (-h lists them)")
	}
	return nil
}

// signer is a certificate with its key.
type signer struct {
	cert *x509.Certificate
	key  crypto.PrivateKey
}

func (c *certMaker) run(stdout io.Writer) error {
	if err := os.MkdirAll(c.out, 0o700); err != nil {
		return err
	}
	authority, err := c.authority()
	if err != nil {
		return err
	}
	valid := fmt.Sprintf("for %d days", c.days)
	replica := c.template("kv replica", x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth)
	for host := range strings.SplitSeq(c.hosts, ",") {
		host = strings.TrimSpace(host)
		if ip := net.ParseIP(host); ip != nil {
			replica.IPAddresses = append(replica.IPAddresses, ip)
		} else {
			replica.DNSNames = append(replica.DNSNames, host)
		}
	}
	if _, err := c.issue("replica", replica, authority); err != nil {
		return err
	}
	if _, err := c.issue("client", c.template("kv client", x509.ExtKeyUsageClientAuth), authority); err != nil {
		return err
	}
	if end := authority.cert.NotAfter; replica.NotAfter.Equal(end) {
		valid = "until " + end.Format(time.DateOnly) + ", when the authority ends"
	}
	_, err = fmt.Fprintf(stdout, `%[1]s has certificates for tests, valid %[2]s:
  ca.pem       the authority
  replica.pem  for replicas at %[3]s
  client.pem   for clients
The keys are in files that end with -key.pem. Whoever has ca-key.pem can make further certificates.
`, c.out, valid, c.hosts)
	return err
}

// authority returns the authority in the folder, or a new one. An authority whose key is kept
// elsewhere is not replaced: replicas trust it.
func (c *certMaker) authority() (*signer, error) {
	if _, err := os.Stat(c.path("ca.pem")); errors.Is(err, os.ErrNotExist) {
		ca := c.template("kv authority")
		ca.NotAfter = ca.NotBefore.AddDate(10, 0, 0) // it outlives what it signs
		ca.IsCA, ca.BasicConstraintsValid, ca.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageDigitalSignature
		return c.issue("ca", ca, nil)
	}
	pair, err := tls.LoadX509KeyPair(c.path("ca.pem"), c.path("ca-key.pem"))
	if err != nil {
		return nil, fmt.Errorf("the authority in %s: %w", c.out, err)
	}
	if end := pair.Leaf.NotAfter; time.Now().After(end) {
		return nil, fmt.Errorf("the authority in %s has ended on %s: make another one in another folder", c.out, end.Format(time.DateOnly))
	}
	return &signer{pair.Leaf, pair.PrivateKey}, nil
}

func (c *certMaker) path(name string) string { return filepath.Join(c.out, name) }

func (c *certMaker) template(name string, uses ...x509.ExtKeyUsage) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(0, 0, c.days),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: uses,
	}
}

// issue makes a key and writes it with its certificate, which ends with that of the authority at
// the latest. Without an authority it signs itself.
func (c *certMaker) issue(name string, template *x509.Certificate, by *signer) (*signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if by == nil {
		by = &signer{template, key}
	}
	if end := by.cert.NotAfter; template.NotAfter.After(end) {
		template.NotAfter = end
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.cert, key.Public(), by.key)
	if err != nil {
		return nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &signer{cert, key}, errors.Join(
		c.write(name+"-key.pem", "PRIVATE KEY", secret, 0o600), c.write(name+".pem", "CERTIFICATE", der, 0o644))
}

// write replaces a file at once: replicas read it while they run.
func (c *certMaker) write(name, kind string, der []byte, mode os.FileMode) error {
	part := c.path(name + ".part")
	_ = os.Remove(part) // of an earlier run, with the mode that it had
	if err := os.WriteFile(part, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode); err != nil {
		return err
	}
	return os.Rename(part, c.path(name))
}
