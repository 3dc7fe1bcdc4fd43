import { storeFaults } from './rows.ts';
import { testRows } from './testing/row-tests.ts';

testRows('faults of Redis and of the way to it', storeFaults);
