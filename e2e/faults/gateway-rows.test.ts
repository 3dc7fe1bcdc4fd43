import { gatewayFaults } from './rows.ts';
import { testRows } from './testing/row-tests.ts';

testRows('faults of gateways, clients and the ring', gatewayFaults);
