import type { StorageAPI } from '@graphiql/toolkit';

type Storage = NonNullable<ConstructorParameters<typeof StorageAPI>[0]>;

const prefix = 'keiretsu:';

const ownKeys = () => Object.keys(localStorage).filter(key => key.startsWith(prefix));

const persistKey = 'graphiql:shouldPersistHeaders';

/** True where the visitor has asked in the settings that headers are kept. */
export const headersAreKept = () => localStorage.getItem(prefix + persistKey) === 'true';

/** Where GraphiQL keeps past questions, with their headers whatever the settings say. */
const histories = ['graphiql:queries', 'graphiql:favorites'];

/** A history as it may be kept: headers hold tokens. */
const withoutHeaders = (history: string) =>
  JSON.stringify(JSON.parse(history), (name, value) => (name === 'headers' ? undefined : value));

/**
 * GraphiQL's state under names of our own. Its stock names are shared by every
 * GraphiQL of an origin, and one address such as 127.0.0.1:8080 serves many a
 * project in turn: the tabs of another one would hide our examples.
 */
export const storage: Storage = {
  getItem: key => localStorage.getItem(prefix + key),
  setItem(key, value) {
    const kept = histories.includes(key) && !headersAreKept() ? withoutHeaders(value) : value;
    localStorage.setItem(prefix + key, kept);
    if (key === persistKey && value !== 'true') {
      for (const history of histories) {
        const past = storage.getItem(history);
        if (past) storage.setItem(history, past);
      }
    }
  },
  removeItem: key => localStorage.removeItem(prefix + key),
  clear: () => ownKeys().forEach(key => localStorage.removeItem(key)),
  get length() {
    return ownKeys().length;
  },
};

/** True until GraphiQL has stored tabs: only then may ours be laid out. */
export const isFirstVisit = storage.getItem('graphiql:tabState') === null;
