package main

import (
	"testing"
)

// BenchmarkStart measures from the start of the process until it has said where
// to click and answers.
func BenchmarkStart(b *testing.B) {
	program := binary(b)
	once := func(data string) {
		p, _ := spawn(b, program, "--addr", "127.0.0.1:0", "--data", data)
		p.ready(b)
		b.StopTimer()
		p.stop(b)
		b.StartTimer()
	}
	b.Run("empty", func(b *testing.B) {
		for b.Loop() {
			once(b.TempDir())
		}
	})
	b.Run("filled", func(b *testing.B) {
		data := b.TempDir()
		once(data)
		b.ResetTimer()
		for b.Loop() {
			once(data)
		}
	})
}
