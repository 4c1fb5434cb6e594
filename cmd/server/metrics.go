package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"keiretsu/internal/kg"
)

// collector reports what the graph holds and how far the search index is,
// read when metrics are asked for.
type collector struct {
	graph *kg.Graph
	admin *administration
	log   *slog.Logger
}

var (
	recordsDesc    = prometheus.NewDesc("keiretsu_records", "Records in the store, by kind.", []string{"kind"}, nil)
	indexedDesc    = prometheus.NewDesc("keiretsu_search_revision", "Revision up to which the search index has followed the store.", nil, nil)
	backupTimeDesc = prometheus.NewDesc("keiretsu_backup_last_timestamp_seconds",
		"When the last backup was complete, in seconds since 1970; absent where none is known of.", nil, nil)
	backupRevisionDesc = prometheus.NewDesc("keiretsu_backup_last_revision", "Revision that the last backup restores.", nil, nil)
	backupBytesDesc    = prometheus.NewDesc("keiretsu_backup_last_bytes", "Length of the last backup's file.", nil, nil)
	backupFailuresDesc = prometheus.NewDesc("keiretsu_backup_failures", "Backups that have failed since the last that did not.", nil, nil)
	lagRevisionsDesc   = prometheus.NewDesc("keiretsu_search_lag_revisions", "Revisions that the search index has not followed yet.", nil, nil)
	lagSecondsDesc     = prometheus.NewDesc("keiretsu_search_lag_seconds",
		"For how long the search index has been behind the store at least, by what was seen when metrics, readiness or stats were asked for.", nil, nil)
	diskDesc     = prometheus.NewDesc("keiretsu_store_disk_bytes", "What the store takes on the disk, by part.", []string{"part"}, nil)
	freeDesc     = prometheus.NewDesc("keiretsu_store_disk_free_bytes", "What can still be written to the disk of the store.", nil, nil)
	writableDesc = prometheus.NewDesc("keiretsu_store_writable", "1 where writes are taken, 0 where they are refused.", nil, nil)
	currentDesc  = prometheus.NewDesc("keiretsu_store_revision", "Newest revision of the store.", nil, nil)
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
	to <- lagRevisionsDesc
	to <- lagSecondsDesc
	to <- diskDesc
	to <- freeDesc
	to <- writableDesc
}

// Collect reads them. What cannot be read within two seconds is left out, and
// said in the log.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	indexed := c.admin.index.Revision()
	to <- prometheus.MustNewConstMetric(indexedDesc, prometheus.GaugeValue, float64(indexed))
	history := c.admin.backups.history()
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
	behind := c.admin.lag.look(v.Revision(), indexed)
	to <- prometheus.MustNewConstMetric(lagRevisionsDesc, prometheus.GaugeValue, float64(max(v.Revision(), indexed)-indexed))
	to <- prometheus.MustNewConstMetric(lagSecondsDesc, prometheus.GaugeValue, behind.Seconds())
	c.collectStore(ctx, to)
	for _, kind := range kg.RecordKinds() {
		to <- prometheus.MustNewConstMetric(recordsDesc, prometheus.GaugeValue, float64(stats[kind]), kind.String())
	}
}

// collectStore reads how the store stands on its disk.
func (c *collector) collectStore(ctx context.Context, to chan<- prometheus.Metric) {
	s, err := c.admin.store.Stats(ctx)
	if err != nil {
		c.log.Warn("metrics of the disk are missing", slog.Any("error", err))
		return
	}
	for part, bytes := range s.Disk {
		to <- prometheus.MustNewConstMetric(diskDesc, prometheus.GaugeValue, float64(bytes), part)
	}
	to <- prometheus.MustNewConstMetric(freeDesc, prometheus.GaugeValue, float64(s.Free))
	writable := 0.0
	if s.Unwritable == "" {
		writable = 1
	}
	to <- prometheus.MustNewConstMetric(writableDesc, prometheus.GaugeValue, writable)
}
