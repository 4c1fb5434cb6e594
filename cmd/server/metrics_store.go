package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"keiretsu/internal/kg/badgerstore"
)

// storeCollector reports what the engine has done since it was opened, read when
// metrics are asked for.
type storeCollector struct{ store *badgerstore.Store }

var (
	commitsDesc  = prometheus.NewDesc("keiretsu_store_commits_total", "Writes that changed something and are durable.", nil, nil)
	groupsDesc   = prometheus.NewDesc("keiretsu_store_groups_total", "Times that one or more writes were made durable together.", nil, nil)
	syncsDesc    = prometheus.NewDesc("keiretsu_store_syncs_total", "Files forced to the disk; at least two for every group.", nil, nil)
	lastSyncDesc = prometheus.NewDesc("keiretsu_store_last_sync_seconds", "How long the last group took to become durable.", nil, nil)
)

// Describe names the metrics.
func (c storeCollector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{commitsDesc, groupsDesc, syncsDesc, lastSyncDesc} {
		to <- d
	}
}

// Collect reads them.
func (c storeCollector) Collect(to chan<- prometheus.Metric) {
	a := c.store.Activity()
	to <- prometheus.MustNewConstMetric(commitsDesc, prometheus.CounterValue, float64(a.Commits))
	to <- prometheus.MustNewConstMetric(groupsDesc, prometheus.CounterValue, float64(a.Groups))
	to <- prometheus.MustNewConstMetric(syncsDesc, prometheus.CounterValue, float64(a.Syncs))
	to <- prometheus.MustNewConstMetric(lastSyncDesc, prometheus.GaugeValue, a.LastSync.Seconds())
}
