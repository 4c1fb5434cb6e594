import type { StorageAPI } from '@graphiql/toolkit';

type Storage = NonNullable<ConstructorParameters<typeof StorageAPI>[0]>;

const prefix = 'keiretsu:';

const ownKeys = () => Object.keys(localStorage).filter(key => key.startsWith(prefix));

/**
 * GraphiQL's state under names of our own. Its stock names are shared by every
 * GraphiQL of an origin, and one address such as 127.0.0.1:8080 serves many a
 * project in turn: the tabs of another one would hide our examples.
 */
export const storage: Storage = {
  getItem: key => localStorage.getItem(prefix + key),
  setItem: (key, value) => localStorage.setItem(prefix + key, value),
  removeItem: key => localStorage.removeItem(prefix + key),
  clear: () => ownKeys().forEach(key => localStorage.removeItem(key)),
  get length() {
    return ownKeys().length;
  },
};

/** True until GraphiQL has stored tabs: only then may ours be laid out. */
export const isFirstVisit = storage.getItem('graphiql:tabState') === null;
