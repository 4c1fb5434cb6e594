// Package badgerstore is the embedded engine: the port kg.Store kept in one
// folder by Badger, an ordered map from keys to values.
//
// # What it must not know
//
// What companies, ownership or conflicts are. It compares bytes, asks kg where
// a record stands in an order and whether it passes a filter, and stores what
// it is given. Badger is imported here and nowhere else.
//
// # The rows
//
// In the order in which they lie on disk. keys.go declares them and is the only
// file that builds or parses a key; codec.go is the only one that knows what a
// value looks like.
//
//	01 meta         name                               what the name says: "identity", "head"
//	02 change       revision                           when, and the records touched
//	10 id           id                                 kind; the record, or the key of its home
//	11 kind         kind · id                          nothing
//	12 order        kind of entity · sort key · id     nothing
//	18 name         core · folded name · kind of name · id   kind of entity
//	19 identifier   scheme · value · id                kind of entity
//	28 adjacency    entity · direction · type · start · id   the relation (home at From)
//	29 timeline     type · start · id                  the relation
//	30 observation  entity · metric · period · id      the observation (home)
//	38 claim        family · id                        the claim (home)
//	39 mention      entity · part · type · id          the claim
//	40 conflict     about · predicate · id             the conflict (home)
//
// Every record has a row of its id. Entities, sources, metrics and redirects
// live in it; every other record lives in the row by which it is read most, its
// home. A relation is written out three times, at both ends and on the
// timeline, so that a hop is one sweep and never a read for each relation; for
// the same reason a claim is written out for each entity of whose relations,
// figures or identity it speaks.
//
// An entity in an adjacency or observation key, and a family in a claim key, is
// 8 bytes of a hash: short, the same in every store, and known without a look
// at anything. Order never depends on it, and since two ids may share a hash,
// readers compare the id that the value holds.
//
// # Moments
//
// Every commit has a timestamp, the next after that of the commit before; the
// store itself is created at 1. The head, a row that every commit writes last,
// says which revision it made. A batch of more rows than Badger takes in one
// transaction is written in several, all at the timestamp of the commit: nobody
// reads at it before the head is there, and Open takes back what a crash left
// behind the head, as a commit that makes no revision.
//
// There is one writer at a time, and one group of commits on its way to the disk:
// what was written while the group before was being forced there. A commit is
// staged when Badger has it, and durable when first Badger's log and then the
// mark have been forced to the disk for its group; only the writer sees what is
// merely staged (group.go, logs.go). A snapshot is a revision and its timestamp;
// each of its calls reads through a transaction and an iterator of its own, for
// neither may be shared. Badger drops what only older moments hold, up to the
// oldest snapshot still open.
//
// # The folder
//
//	LOCK     taken by the process that has the store open
//	MARK     what the store must hold (mark.go), written after every group of commits
//	SPARE    space that is given up when the disk is full (space.go)
//	badger/  Badger's own files
//
// Badger repairs in silence: it cuts its log off at the first damaged byte,
// removes tables that its manifest does not name, and begins anew where that is
// missing. So Open looks through all of it first, without touching anything,
// and refuses what does not agree with the mark. Every table is read for that;
// opening takes about a second for each gigabyte or two.
//
// # What is promised
//
// Must hold, or data is lost:
//
//   - All rows of a batch, the change log and the head become visible together
//     and survive together.
//   - All rows of a record follow from the record alone (rows.go), so that
//     replacing it finds the old ones. Whoever changes how kg folds, sorts or
//     places things changes the rows, and so the format version.
//   - A commit is on the disk, and then the mark beside Badger's folder says so,
//     before a caller hears of it.
//   - What a crash leaves of commits that nobody was told of is a beginning of
//     them: each that is found has all before it. Pages of a log reach the disk in
//     any order, so a commit in one piece is seen to be whole by its checksums
//     and its number, and one in several pieces is forced there piece by piece.
//   - A folder that holds less than its mark says, or in which a table, a log or
//     the manifest is damaged, is refused before Badger may repair it.
//
// Should hold, or it can be made again:
//
//   - The head's counts are those of the records (count the kind and order rows).
//   - Every kind, order, name, identifier, timeline, mention and In row agrees with its
//     record's home (write the record again).
//
// Check compares all of it with what lies there, and Repair makes the latter again.
//
// # Backups
//
// A backup holds records and the change log, and no rows: those follow. The
// logical checksum (digest.go) is one over both that does not depend on where
// rows lie. A store is restored in a folder beside its own, <folder>.restoring,
// which is renamed when it has been read back.
//
// # Where to start reading
//
// keys.go for the rows and rows.go for how a record becomes some; group.go and
// store.go for writing, logs.go for how it lasts, space.go for what it needs of
// the disk; snapshot.go, relations.go and reader.go for reading; open.go,
// inspect.go and mark.go for what is refused and why; backupfile.go, backup.go
// and restore.go for backups; check.go for what is looked at.
package badgerstore
