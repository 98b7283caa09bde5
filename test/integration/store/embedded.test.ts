import t from 'tap';
import { testStore } from './contract.ts';
import { testImages } from './contract-images.ts';
import { embedded } from './embedded-place.ts';

testStore(t, embedded);
testImages(t, embedded);
