/**
 * A real file system on a loop device whose power can be cut: everything that is only in memory is
 * lost at that moment, as when a machine loses its power, and what the disk has already taken
 * stays.
 *
 * @module
 */

import type { SwitchOptions } from "./power_switch.ts";
import { ROOM, type Stage, until } from "./stage.ts";

/** A kind of file system, and how it is made and mounted. */
export interface VolumeKind {
  /** Name for messages. */
  readonly name: string;
  /** The program that makes one, and its arguments. */
  readonly make: readonly [string, ...string[]];
  /** Smallest size that it works with well, as `truncate` takes it. */
  readonly size: string;
  /** Options of `mount`. */
  readonly options: string;
}

/** The file system of most machines. */
export const EXT4: VolumeKind = {
  name: "ext4",
  make: ["mkfs.ext4", "-q"],
  size: "64M",
  options: "loop",
};

/** The file system of many servers; smaller ones it refuses. */
export const XFS: VolumeKind = {
  name: "XFS",
  make: ["mkfs.xfs", "-q"],
  size: "320M",
  options: "loop",
};

/** The file systems that a log is kept on most often, the first also with its weakest promise. */
export const VOLUME_KINDS: readonly VolumeKind[] = [
  EXT4,
  { ...EXT4, name: "ext4, data=writeback", options: "loop,data=writeback" },
  XFS,
];

const MOUNT_POINT = `${ROOM}/volume`;
const PROBE = `${MOUNT_POINT}/probe`;

/** One volume in a stage; mounted as long as nothing else is said. */
export class Volume {
  readonly #stage: Stage;
  readonly #kind: VolumeKind;
  readonly #image: string;
  #switches = 0;

  /** The volume's root, as programs in the stage see it. */
  readonly path = MOUNT_POINT;

  private constructor(stage: Stage, kind: VolumeKind, image: string) {
    this.#stage = stage;
    this.#kind = kind;
    this.#image = image;
  }

  /**
   * Makes and mounts one.
   *
   * @param options Another size than its usual one, another folder for its image than the room.
   */
  static async create(
    stage: Stage,
    kind: VolumeKind,
    { size = kind.size, folder = ROOM }: { readonly size?: string; readonly folder?: string } = {},
  ): Promise<Volume> {
    const [program, ...args] = kind.make;
    const image = `${folder}/image`;
    await stage.run("truncate", "-s", size, image);
    await stage.run(program, ...args, image);
    await stage.run("mkdir", MOUNT_POINT);
    const volume = new Volume(stage, kind, image);
    await volume.mount();
    await stage.run("touch", PROBE);
    await stage.run("sync");
    return volume;
  }

  /** Mounts the volume again; the file system repairs itself as after a real power cut. */
  async mount(): Promise<void> {
    await this.#stage.run("mount", "-o", this.#kind.options, this.#image, MOUNT_POINT);
  }

  /** Makes a switch that cuts the power: see `power_switch.ts`. */
  async armSwitch(): Promise<SwitchOptions> {
    const pipe = `${ROOM}/switch-${++this.#switches}`;
    await this.#stage.run("mkfifo", pipe);
    this.#stage.spawn("sh", "-c", `exec xfs_io -x ${MOUNT_POINT} <${pipe}`);
    return { pipe, probe: PROBE };
  }

  /** Takes the volume away. Whoever used it must have ended. */
  async unmount(): Promise<void> {
    await until(`${this.#kind.name} is not in use any more`, async () => {
      const { code } = await this.#stage.spawn("umount", MOUNT_POINT).output;
      return code === 0;
    });
  }
}
