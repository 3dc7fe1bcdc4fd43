import { ringFaults } from './rows.ts';
import { testRows } from './testing/row-tests.ts';

testRows('faults of the ring, and of who follows it', ringFaults);
