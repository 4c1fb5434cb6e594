package server

import (
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// maxOperations bounds the values of the label operation: clients choose the
// names of their operations.
const maxOperations = 50

type metrics struct {
	registry   *prometheus.Registry
	requests   *prometheus.CounterVec
	seconds    *prometheus.HistogramVec
	inFlight   prometheus.Gauge
	turnedAway *prometheus.CounterVec
	// What subscribers hold and get.
	sockets, subscriptions prometheus.Gauge
	updates                prometheus.Counter
	dropped                *prometheus.CounterVec

	mu    sync.Mutex
	names map[string]bool
}

// newMetrics registers the server's own metrics, those of the Go runtime and
// the process, and the collectors given.
func newMetrics(more []prometheus.Collector) (*metrics, error) {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keiretsu_graphql_requests_total",
			Help: "GraphQL requests by outcome: OK, or the code of the first error.",
		}, []string{"code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "keiretsu_graphql_request_seconds",
			Help:    "Time from the first byte of a GraphQL request to its complete answer, by operation name.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"operation"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "keiretsu_graphql_in_flight",
			Help: "GraphQL requests being answered.",
		}),
		turnedAway: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keiretsu_turned_away_total",
			Help: "Requests and connections refused before anything was read of what they ask, by reason.",
		}, []string{"reason"}),
		sockets: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "keiretsu_sockets",
			Help: "WebSockets that are open.",
		}),
		subscriptions: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "keiretsu_subscriptions",
			Help: "Subscriptions that are open, over WebSocket and as server-sent events.",
		}),
		updates: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "keiretsu_updates_total",
			Help: "Updates sent to subscribers.",
		}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keiretsu_subscribers_dropped_total",
			Help: "Lines to subscribers that the server has ended, by reason: slow, silent, access.",
		}, []string{"reason"}),
		names: map[string]bool{},
	}
	own := []prometheus.Collector{
		m.requests, m.seconds, m.inFlight, m.turnedAway, m.sockets, m.subscriptions, m.updates, m.dropped,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	}
	for _, c := range append(own, more...) {
		if err := m.registry.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// refused counts what was turned away.
func (m *metrics) refused(reason string) { m.turnedAway.WithLabelValues(reason).Inc() }

// begin counts a request in; the function it returns counts it out.
func (m *metrics) begin() func(operation, code string) {
	start := time.Now()
	m.inFlight.Inc()
	return func(operation, code string) {
		m.inFlight.Dec()
		m.requests.WithLabelValues(code).Inc()
		m.seconds.WithLabelValues(m.label(operation)).Observe(time.Since(start).Seconds())
	}
}

// label returns the value of the label operation for a request: the name, as
// long as few names were seen; "other" after that; "refused" for a request that
// never became an operation.
func (m *metrics) label(operation string) string {
	if operation == "" {
		return "refused"
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.names[operation] {
		if len(m.names) >= maxOperations {
			return "other"
		}
		m.names[operation] = true
	}
	return operation
}

func (m *metrics) handler(log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		DisableCompression: true, // the server compresses
		ErrorLog:           slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	})
}
