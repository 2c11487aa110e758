/* tslint:disable */
/* eslint-disable */
export const memory: WebAssembly.Memory;
export const __wbg_framebuffer_free: (a: number, b: number) => void;
export const __wbg_segmentscanner_free: (a: number, b: number) => void;
export const framebuffer_capacity: (a: number) => number;
export const framebuffer_crc32c: (a: number, b: number, c: number, d: number) => number;
export const framebuffer_new: () => number;
export const framebuffer_pointer: (a: number) => number;
export const framebuffer_reserve: (a: number, b: number) => number;
export const framebuffer_seal: (a: number, b: number, c: number, d: number, e: number) => number;
export const headerLength: () => number;
export const maxBodyLength: () => number;
export const maxUnsynced: () => number;
export const segmentscanner_capacity: (a: number) => number;
export const segmentscanner_findFrame: (a: number, b: number, c: number, d: number, e: number) => number;
export const segmentscanner_findPromise: (a: number, b: number, c: number, d: number, e: number) => number;
export const segmentscanner_foundLsn: (a: number) => number;
export const segmentscanner_hasSalt: (a: number, b: number, c: number, d: number) => number;
export const segmentscanner_new: () => number;
export const segmentscanner_pointer: (a: number) => number;
export const segmentscanner_reserve: (a: number, b: number) => number;
export const segmentscanner_reserveTable: (a: number, b: number) => number;
export const segmentscanner_scan: (a: number, b: number, c: number, d: number, e: number) => number;
export const segmentscanner_stopKind: (a: number) => number;
export const segmentscanner_stopLsn: (a: number) => number;
export const segmentscanner_stopOffset: (a: number) => number;
export const segmentscanner_tablePointer: (a: number) => number;
