import { ownerFaults } from './rows.ts';
import { testRows } from './testing/row-tests.ts';

testRows('faults of owners, and of clients that look for theirs', ownerFaults);
