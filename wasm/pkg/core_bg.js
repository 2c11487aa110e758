/**
 * Owns the bytes. Starts empty; reserve first.
 */
export class FrameBuffer {
    __destroy_into_raw() {
        const ptr = this.__wbg_ptr;
        this.__wbg_ptr = 0;
        FrameBufferFinalization.unregister(this);
        return ptr;
    }
    free() {
        const ptr = this.__destroy_into_raw();
        wasm.__wbg_framebuffer_free(ptr, 0);
    }
    /**
     * How many bytes there are.
     * @returns {number}
     */
    capacity() {
        const ret = wasm.framebuffer_capacity(this.__wbg_ptr);
        return ret >>> 0;
    }
    /**
     * Continues a crc32c over a part of the buffer; negative if the numbers are not those of one.
     * There is no function that takes the bytes as an argument: the glue would allocate for each
     * call, and an allocation may move the memory under the views that JavaScript holds.
     * @param {number} crc
     * @param {number} offset
     * @param {number} length
     * @returns {number}
     */
    crc32c(crc, offset, length) {
        const ret = wasm.framebuffer_crc32c(this.__wbg_ptr, crc, offset, length);
        return ret;
    }
    constructor() {
        const ret = wasm.framebuffer_new();
        this.__wbg_ptr = ret;
        FrameBufferFinalization.register(this, this.__wbg_ptr, this);
        return this;
    }
    /**
     * Where the bytes are in the module's memory. Changes when they grow.
     * @returns {number}
     */
    pointer() {
        const ret = wasm.framebuffer_pointer(this.__wbg_ptr);
        return ret >>> 0;
    }
    /**
     * Grows to that capacity, keeping the content; false if that cannot be.
     * @param {number} capacity
     * @returns {boolean}
     */
    reserve(capacity) {
        const ret = wasm.framebuffer_reserve(this.__wbg_ptr, capacity);
        return ret !== 0;
    }
    /**
     * Seals the first frames of the buffer, see `frame::seal`. Returns how many bytes they have;
     * negative, with nothing written, if the numbers or the frames are not possible ones.
     * @param {number} count
     * @param {number} unsynced
     * @param {number} salt
     * @param {number} lsn
     * @returns {number}
     */
    seal(count, unsynced, salt, lsn) {
        const ret = wasm.framebuffer_seal(this.__wbg_ptr, count, unsynced, salt, lsn);
        return ret;
    }
}
if (Symbol.dispose) FrameBuffer.prototype[Symbol.dispose] = FrameBuffer.prototype.free;

/**
 * Owns the bytes and the table. Starts empty; reserve both first.
 */
export class SegmentScanner {
    __destroy_into_raw() {
        const ptr = this.__wbg_ptr;
        this.__wbg_ptr = 0;
        SegmentScannerFinalization.unregister(this);
        return ptr;
    }
    free() {
        const ptr = this.__destroy_into_raw();
        wasm.__wbg_segmentscanner_free(ptr, 0);
    }
    /**
     * How many bytes there are.
     * @returns {number}
     */
    capacity() {
        const ret = wasm.segmentscanner_capacity(this.__wbg_ptr);
        return ret >>> 0;
    }
    /**
     * Looks behind the bad frame at `from` for any valid one. Returns its offset, or a negative
     * answer.
     * @param {number} from
     * @param {number} end
     * @param {number} salt
     * @param {number} lsn
     * @returns {number}
     */
    findFrame(from, end, salt, lsn) {
        const ret = wasm.segmentscanner_findFrame(this.__wbg_ptr, from, end, salt, lsn);
        return ret;
    }
    /**
     * Looks behind the bad frame at `from` for one that promises that it was synced. Returns its
     * offset, or a negative answer.
     * @param {number} from
     * @param {number} end
     * @param {number} salt
     * @param {number} lsn
     * @returns {number}
     */
    findPromise(from, end, salt, lsn) {
        const ret = wasm.segmentscanner_findPromise(this.__wbg_ptr, from, end, salt, lsn);
        return ret;
    }
    /**
     * The LSN of the frame that the last search found, -1 if none.
     * @returns {number}
     */
    foundLsn() {
        const ret = wasm.segmentscanner_foundLsn(this.__wbg_ptr);
        return ret;
    }
    /**
     * Whether the salt stands anywhere from `offset` to `end`: 1 or 0.
     * @param {number} offset
     * @param {number} end
     * @param {number} salt
     * @returns {number}
     */
    hasSalt(offset, end, salt) {
        const ret = wasm.segmentscanner_hasSalt(this.__wbg_ptr, offset, end, salt);
        return ret;
    }
    constructor() {
        const ret = wasm.segmentscanner_new();
        this.__wbg_ptr = ret;
        SegmentScannerFinalization.register(this, this.__wbg_ptr, this);
        return this;
    }
    /**
     * Where the bytes are in the module's memory. Changes when they grow.
     * @returns {number}
     */
    pointer() {
        const ret = wasm.segmentscanner_pointer(this.__wbg_ptr);
        return ret >>> 0;
    }
    /**
     * Makes the table that large; false if that cannot be.
     * @param {number} frames
     * @returns {boolean}
     */
    reserveTable(frames) {
        const ret = wasm.segmentscanner_reserveTable(this.__wbg_ptr, frames);
        return ret !== 0;
    }
    /**
     * Makes room for a segment, without keeping the bytes of the one before: both at once would
     * double the memory, which never shrinks again. False if that cannot be.
     * @param {number} length
     * @returns {boolean}
     */
    reserve(length) {
        const ret = wasm.segmentscanner_reserve(this.__wbg_ptr, length);
        return ret !== 0;
    }
    /**
     * Scans from `start` to `end`; the first frame has LSN `lsn`. Returns how many frames are in
     * the table.
     * @param {number} start
     * @param {number} end
     * @param {number} salt
     * @param {number} lsn
     * @returns {number}
     */
    scan(start, end, salt, lsn) {
        const ret = wasm.segmentscanner_scan(this.__wbg_ptr, start, end, salt, lsn);
        return ret;
    }
    /**
     * Why the last scan ended, as a number of `StopKind`.
     * @returns {number}
     */
    stopKind() {
        const ret = wasm.segmentscanner_stopKind(this.__wbg_ptr);
        return ret >>> 0;
    }
    /**
     * The LSN that a frame at the stop would have.
     * @returns {number}
     */
    stopLsn() {
        const ret = wasm.segmentscanner_stopLsn(this.__wbg_ptr);
        return ret;
    }
    /**
     * The offset at which the last scan ended.
     * @returns {number}
     */
    stopOffset() {
        const ret = wasm.segmentscanner_stopOffset(this.__wbg_ptr);
        return ret >>> 0;
    }
    /**
     * Where the table is in the module's memory.
     * @returns {number}
     */
    tablePointer() {
        const ret = wasm.segmentscanner_tablePointer(this.__wbg_ptr);
        return ret >>> 0;
    }
}
if (Symbol.dispose) SegmentScanner.prototype[Symbol.dispose] = SegmentScanner.prototype.free;

/**
 * Bytes before the body of a frame.
 * @returns {number}
 */
export function headerLength() {
    const ret = wasm.headerLength();
    return ret >>> 0;
}

/**
 * The longest body a frame may have, in bytes.
 * @returns {number}
 */
export function maxBodyLength() {
    const ret = wasm.maxBodyLength();
    return ret >>> 0;
}

/**
 * The largest number of records that a frame may leave unpromised.
 * @returns {number}
 */
export function maxUnsynced() {
    const ret = wasm.maxUnsynced();
    return ret >>> 0;
}
export function __wbg___wbindgen_throw_41e9ee4f547fc59a(arg0, arg1) {
    throw new Error(getStringFromWasm0(arg0, arg1));
}
const FrameBufferFinalization = (typeof FinalizationRegistry === 'undefined')
    ? { register: () => {}, unregister: () => {} }
    : new FinalizationRegistry(ptr => wasm.__wbg_framebuffer_free(ptr, 1));
const SegmentScannerFinalization = (typeof FinalizationRegistry === 'undefined')
    ? { register: () => {}, unregister: () => {} }
    : new FinalizationRegistry(ptr => wasm.__wbg_segmentscanner_free(ptr, 1));

function getStringFromWasm0(ptr, len) {
    return decodeText(ptr >>> 0, len);
}

let cachedUint8ArrayMemory0 = null;
function getUint8ArrayMemory0() {
    if (cachedUint8ArrayMemory0 === null || cachedUint8ArrayMemory0.byteLength === 0) {
        cachedUint8ArrayMemory0 = new Uint8Array(wasm.memory.buffer);
    }
    return cachedUint8ArrayMemory0;
}

let cachedTextDecoder = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });
cachedTextDecoder.decode();
const MAX_SAFARI_DECODE_BYTES = 2146435072;
let numBytesDecoded = 0;
function decodeText(ptr, len) {
    numBytesDecoded += len;
    if (numBytesDecoded >= MAX_SAFARI_DECODE_BYTES) {
        cachedTextDecoder = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });
        cachedTextDecoder.decode();
        numBytesDecoded = len;
    }
    return cachedTextDecoder.decode(getUint8ArrayMemory0().subarray(ptr, ptr + len));
}


let wasm;
export function __wbg_set_wasm(val) {
    wasm = val;
}
