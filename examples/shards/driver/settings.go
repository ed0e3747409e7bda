package driver

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// settingsFile remembers what must not change between two starts.
const settingsFile = "settings"

// checkSettings compares the options with those of the first start, or remembers them.
func (o *Options) checkSettings() error {
	want := fmt.Sprintf("store %d, %d groups with %d replicas on stores %v\n", o.ID, o.Groups, o.Replicas, o.Founders)
	path := filepath.Join(o.Dir, settingsFile)
	got, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		file, err := os.Create(path + ".new")
		if err != nil {
			return err
		}
		_, err = file.WriteString(want)
		if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
			return err
		}
		return os.Rename(path+".new", path)
	case err != nil:
		return err
	case string(got) != want:
		return fmt.Errorf("%s: the folder is that of %q, and this is %q", path, got, want)
	}
	return nil
}
