import t from 'tap';
import { testStore } from './contract.ts';
import { embedded } from './embedded-place.ts';

testStore(t, embedded);
