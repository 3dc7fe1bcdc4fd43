import { wireFaults } from './rows.ts';
import { testRows } from './testing/row-tests.ts';

testRows('faults of the network between clients and gateways', wireFaults);
