// Package control is how a running server is administered: [Handler] answers
// over HTTP what [Admin] can do, [Serve] offers it on a socket in the data
// folder, and [Client] asks it there, being an Admin itself. A command thus does
// the same whether a server holds the folder or the command opened it.
//
// # What it must not know
//
// Engine and index, which Admin stands for, and who may do what: the socket
// belongs to the user who runs the server, and whoever mounts the handler
// elsewhere guards it.
//
// # The addresses
//
//	GET  /                is anybody there?
//	GET  /stats           [Stats] as JSON; with ?checksum=true the logical checksum too
//	GET  /check           [Finding]s as JSON, one a line, then {"summary": [CheckSummary]}
//	POST /backup          a backup file; the body may name the [Point] behind which it begins
//	POST /backup/outcome  [BackupOutcome]: what became of a backup
//	POST /import          imports files of this machine as [ImportRequest] says; lines
//	                      {"progress": …} and in the end {"report": …}. On the
//	                      socket alone
//	POST /export          the graph in a format; what that leaves out is in the HTTP
//	                      trailer Keiretsu-Losses
//	POST /reindex         builds the search index anew; [Reindexed] as JSON
//
// What is posted is application/json, which no page of another origin can send
// unasked. An error is {"error": "…"} in plain words. Where one comes up in the
// middle of a backup or check, it is in the HTTP trailer Keiretsu-Error.
//
// [Uploads] are a handler of their own, for files that are sent over HTTP.
//
// # Where to start reading
//
// admin.go for what can be done; handler.go and client.go are its two ends.
package control
