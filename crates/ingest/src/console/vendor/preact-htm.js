// The one door to the library: `html` makes the elements that `render` draws.

import htm from './htm.js';
import { h } from './preact.js';

export { render } from './preact.js';
export { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from './hooks.js';
export const html = htm.bind(h);
