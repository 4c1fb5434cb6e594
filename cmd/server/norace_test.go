//go:build !race

package main

// underRaceDetector tells whether these tests were built with it.
const underRaceDetector = false
