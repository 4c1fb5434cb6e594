package ingest

import "iter"

// Nearest returns the word that was probably meant by a misspelled one, or ""
// where none is near: the one with the fewest letters inserted, dropped, changed
// or swapped with their neighbour, at most a third of them; of equals the first
// in byte order.
func Nearest(misspelled string, words iter.Seq[string]) string {
	typed := []rune(misspelled)
	if len(typed) > maxSuggested {
		return ""
	}
	best, least := "", max(1, len(typed)/3)+1
	for word := range words {
		letters := []rune(word)
		if abs(len(letters)-len(typed)) >= least+1 {
			continue
		}
		if d := edits(typed, letters); d < least || (d == least && best != "" && word < best) {
			best, least = word, d
		}
	}
	return best
}

// maxSuggested bounds the length of a misspelled word, since the cost grows
// with its square.
const maxSuggested = 100

func abs(n int) int { return max(n, -n) }

// edits is the optimal string alignment distance.
func edits(a, b []rune) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := last[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(change, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
