package main

import (
	"context"
	"log/slog"

	"keiretsu/internal/control"
)

// offer lets the commands of other processes administer the folder through its
// socket, until the returned function is called. A server that cannot have a
// socket works without one, and says what it lacks.
func (f *folder) offer(ctx context.Context, admin control.Admin, log *slog.Logger) (stop func()) {
	listener, err := control.Listen(ctx, f.socket())
	if err != nil {
		log.Warn("no control socket: backup, check, stats and reindex cannot ask this server while it runs", slog.Any("error", err))
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := control.Serve(ctx, listener, control.SocketHandler(admin, log), log); err != nil {
			log.Error("the control socket ended", slog.Any("error", err))
		}
	}()
	return func() {
		cancel()
		<-done
	}
}
