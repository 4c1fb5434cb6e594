package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"
)

// maxSocketPath is how long the path of a socket may be: what fits into
// sockaddr_un on every system, with the zero byte at its end.
const maxSocketPath = 103

// Listen makes the socket, which only the user who runs this process can use.
// One that a killed process has left is replaced: the caller holds the folder,
// so nobody can be using it.
func Listen(ctx context.Context, path string) (net.Listener, error) {
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("%s has %d bytes and a socket can have %d; use a data folder with a shorter path", path, len(path), maxSocketPath)
	}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case info.Mode()&fs.ModeSocket == 0:
		return nil, fmt.Errorf("%s is in the way and no socket; move it elsewhere", path)
	default:
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	// Linux gives the file the mode of the socket, so that there is no moment
	// at which others may connect; elsewhere the mode is set right after.
	private := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) { failed = syscall.Fchmod(int(fd), 0o600) })
		if errors.Is(failed, syscall.EINVAL) {
			failed = nil // not on this system
		}
		return errors.Join(err, failed)
	}}
	listener, err := private.Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return listener, nil
}

// grace is how long requests under way may take once Serve is told to stop.
const grace = 3 * time.Second

// Serve answers on the listener until ctx is done; then requests under way have
// a few seconds before they are cancelled. The socket is removed. It returns
// once nothing runs any more.
func Serve(ctx context.Context, listener net.Listener, h http.Handler, log *slog.Logger) error {
	requests, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	srv := &http.Server{
		Handler:           h,
		BaseContext:       func(net.Listener) context.Context { return requests },
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		IdleTimeout:       10 * time.Second,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("control: %w", err)
	case <-ctx.Done():
	}
	err := shutdown(srv)
	if err != nil {
		cancel()
		err = shutdown(srv)
	}
	if err != nil {
		err = errors.Join(err, srv.Close())
	}
	if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

func shutdown(srv *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	return srv.Shutdown(ctx)
}
