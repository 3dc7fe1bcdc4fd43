import { catalogueOf } from '../../gateway/settings/field-catalogue.ts';
import { operatorSettings } from './declaration.ts';

export const VARIABLE_PREFIX = 'WSCLUSTER_OPERATOR_';

/** All settings of the operator in the order of their declaration. */
export const catalogue = catalogueOf(operatorSettings, VARIABLE_PREFIX);
