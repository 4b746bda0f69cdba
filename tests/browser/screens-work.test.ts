import { describeScreens } from '../support/page/screen-tests.ts';

describeScreens((name) => /^(storage|training)/.test(name));
