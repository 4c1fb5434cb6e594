package main

import (
	"errors"

	"keiretsu/internal/server"
)

// subscriptionFlags bounds those who subscribe. docs/subscriptions.md says what
// they are told where they meet a bound.
type subscriptionFlags struct {
	Subscriptions       int `default:"20000" placeholder:"N" help:"Subscriptions open at a time. Default ${default}, environment KEIRETSU_SUBSCRIPTIONS."`
	ClientSubscriptions int `default:"0" placeholder:"N" help:"Subscriptions of one client, known by its token or else by its address. 0 means 1000 for other machines and no bound for this one, -1 no bound. Default ${default}, environment KEIRETSU_CLIENT_SUBSCRIPTIONS."`
	SocketSubscriptions int `default:"100" placeholder:"N" help:"Operations under way on one WebSocket. Default ${default}, environment KEIRETSU_SOCKET_SUBSCRIPTIONS."`
}

// Validate checks the flags before anything is opened.
func (f *subscriptionFlags) Validate() error {
	if f.Subscriptions < 1 || f.SocketSubscriptions < 1 {
		return errors.New("--subscriptions and --socket-subscriptions must be more than 0")
	}
	return nil
}

// bounds returns what those who subscribe may hold.
func (f *subscriptionFlags) bounds() server.Subscriptions {
	return server.Subscriptions{InAll: f.Subscriptions, Client: f.ClientSubscriptions, Line: f.SocketSubscriptions}
}
