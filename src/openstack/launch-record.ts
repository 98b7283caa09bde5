/** What a launch knows before it begins. */
import type { LaunchContext, LaunchSpec } from '../driver/driver.ts';
import type { Inventory } from './inventory.ts';
import type { ImageConnection, LabelOptions } from './options.ts';
import type { Session } from './session.ts';
import type { Workshop } from './workshop.ts';

/** What a label boots from, and how the result is logged in to. */
export interface BootImage extends ImageConnection {
  /** For metadata: the name in the configuration. */
  name: string;
  id: string;
  /** For the node: the name of a cloud image, the record of an upload. */
  record: string;
  username?: string | undefined;
  pythonPath: string;
  shellType?: string | undefined;
}

/** One attempt, as its steps see it. */
export interface Launch {
  spec: LaunchSpec;
  context: LaunchContext;
  label: LabelOptions;
  image: BootImage;
  inventory: Inventory;
  session: Session;
  shop: Workshop;
}
