package consul

// This file finds the ACL token that a call carries: a fixed one, one in a file, or one that the caller's code gives.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"
)

// A tokenFunc gives the token for a call, "" for none.
type tokenFunc func(context.Context) (string, error)

func newTokenFunc(config *Config, logger *slog.Logger) (tokenFunc, error) {
	switch {
	case config.TokenSource != nil:
		return config.TokenSource, nil
	case config.TokenFile != "":
		f := &tokenFile{path: config.TokenFile, logger: logger}
		if err := f.refresh(); err != nil {
			return nil, fmt.Errorf("consul: Config.TokenFile: %w: %w", err, ErrInvalidConfig)
		}
		return f.token, nil
	}
	token := config.Token
	return func(context.Context) (string, error) { return token, nil }, nil
}

// A tokenFile is a token kept in a file, read again when the file changes.
type tokenFile struct {
	path   string
	logger *slog.Logger

	mu      sync.Mutex
	current string
	state   os.FileInfo // of the file that current is from
	settled bool        // whether any later change would show in state
	broken  bool        // whether the file's present state was found unusable, and logged
}

// settleTime is how old a file has to be for its next change to get another time stamp, on the coarsest file systems.
const settleTime = 2 * time.Second

// token gives what the file holds now, or held when it was last of use: a file that is being rewritten is empty for a
// moment, and a call without its token would fail, or worse, see less.
func (f *tokenFile) token(ctx context.Context) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.refresh()
	if err != nil && !f.broken {
		f.logger.WarnContext(ctx, "consul: token file can't be used, the token read before stays in use", "file", f.path, "error", err)
	}
	f.broken = err != nil
	return f.current, nil
}

// refresh reads the file if it may have changed.
func (f *tokenFile) refresh() error {
	info, err := os.Stat(f.path)
	if err != nil {
		return err
	}
	if f.settled && os.SameFile(info, f.state) && info.ModTime().Equal(f.state.ModTime()) && info.Size() == f.state.Size() {
		return nil
	}
	return f.read(info)
}

// read reads the file. Info is from before: a change in between shows as another one at the next call.
func (f *tokenFile) read(info os.FileInfo) error {
	data, err := os.ReadFile(f.path)
	if err != nil {
		return err
	}
	token := strings.TrimSpace(string(data))
	if token == "" {
		return fmt.Errorf("%s is empty", f.path)
	}
	if err := checkToken(token); err != nil {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	f.current, f.state = token, info
	f.settled = time.Since(info.ModTime()) > settleTime
	return nil
}

// checkToken refuses what can't travel in a header, without quoting it.
func checkToken(token string) error {
	for i := range len(token) {
		if c := token[i]; c <= ' ' || c >= 0x7f {
			return errors.New("the token holds a space, a line break or another character that no token has")
		}
	}
	return nil
}
