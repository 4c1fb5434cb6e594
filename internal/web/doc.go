// Package web is the user interface in the browser: GraphiQL with example
// questions, embedded so that it works with no network.
//
// The sources are in app, a Vite project; what it builds is committed in dist
// and embedded from there, so that building the server needs Go alone. The
// questions are in examples, one operation and its variables each: the page
// and this package both read them there.
//
//	internal/web/app $ npm ci && npm run check && npm run build
//
// rebuilds dist, to the same bytes for the same sources;
//
//	internal/web/app $ npm run e2e -- http://127.0.0.1:8080
//
// runs every question in a browser, against a server that is running.
//
// The package must not know the graph, its schema or how queries are answered;
// it imports nothing of ours. The page finds the API at ../graphql, beside
// itself, so that both may move together under a path prefix.
//
// Start reading at Handler; the page starts in app/src/main.tsx.
package web
