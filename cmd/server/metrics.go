package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"keiretsu/internal/kg"
	"keiretsu/internal/search"
)

// collector reports what the graph holds and how far the search index is,
// read when metrics are asked for.
type collector struct {
	graph   *kg.Graph
	index   *search.Index
	backups *backupLog
	log     *slog.Logger
}

var (
	recordsDesc    = prometheus.NewDesc("keiretsu_records", "Records in the store, by kind.", []string{"kind"}, nil)
	indexedDesc    = prometheus.NewDesc("keiretsu_search_revision", "Revision up to which the search index has followed the store.", nil, nil)
	backupTimeDesc = prometheus.NewDesc("keiretsu_backup_last_timestamp_seconds",
		"When the last backup was complete, in seconds since 1970; absent where none is known of.", nil, nil)
	backupRevisionDesc = prometheus.NewDesc("keiretsu_backup_last_revision", "Revision that the last backup restores.", nil, nil)
	backupBytesDesc    = prometheus.NewDesc("keiretsu_backup_last_bytes", "Length of the last backup's file.", nil, nil)
	backupFailuresDesc = prometheus.NewDesc("keiretsu_backup_failures", "Backups that have failed since the last that did not.", nil, nil)
	currentDesc        = prometheus.NewDesc("keiretsu_store_revision", "Newest revision of the store.", nil, nil)
)

// Describe names the metrics.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	to <- recordsDesc
	to <- indexedDesc
	to <- currentDesc
	to <- backupTimeDesc
	to <- backupRevisionDesc
	to <- backupBytesDesc
	to <- backupFailuresDesc
}

// Collect reads them. What cannot be read within two seconds is left out, and
// said in the log.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	to <- prometheus.MustNewConstMetric(indexedDesc, prometheus.GaugeValue, float64(c.index.Revision()))
	history := c.backups.history()
	to <- prometheus.MustNewConstMetric(backupFailuresDesc, prometheus.GaugeValue, float64(history.Failures))
	if last := history.Last; last != nil {
		to <- prometheus.MustNewConstMetric(backupTimeDesc, prometheus.GaugeValue, float64(last.At.Unix()))
		to <- prometheus.MustNewConstMetric(backupRevisionDesc, prometheus.GaugeValue, float64(last.Revision))
		to <- prometheus.MustNewConstMetric(backupBytesDesc, prometheus.GaugeValue, float64(last.Bytes))
	}
	v, err := c.graph.View(ctx)
	if err != nil {
		c.log.Warn("metrics of the store are missing", slog.Any("error", err))
		return
	}
	defer v.Close()
	to <- prometheus.MustNewConstMetric(currentDesc, prometheus.GaugeValue, float64(v.Revision()))
	stats, err := v.Stats(ctx)
	if err != nil {
		c.log.Warn("metrics of the store are missing", slog.Any("error", err))
		return
	}
	for _, kind := range kg.RecordKinds() {
		to <- prometheus.MustNewConstMetric(recordsDesc, prometheus.GaugeValue, float64(stats[kind]), kind.String())
	}
}
