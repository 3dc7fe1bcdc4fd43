import { gatewayFaults } from './rows.ts';
import { testRows } from './testing/row-tests.ts';

testRows('faults of gateways and of clients', gatewayFaults);
