import { gatewaySettings } from './declaration.ts';
import { catalogueOf } from './field-catalogue.ts';

export const VARIABLE_PREFIX = 'WSCLUSTER_';

/** All settings of a gateway in the order of their declaration. */
export const catalogue = catalogueOf(gatewaySettings, VARIABLE_PREFIX);
