import { show, type Finding } from "../../errors";
import type { CheckedProps } from "../checked-props";
import type { Rule } from "../rule";
import { IDENTIFIER, inRange, known, matches } from "../values";

const ADDRESS = /^https?:\/\/[^\s/@]+\/[^\s]+$/;
const VOLUME = /^[A-Za-z0-9][A-Za-z0-9._-]*:import\/[A-Za-z0-9._-]+\.(?:qcow2|raw|vmdk)$/;
const HEX_DIGITS = { sha256: 64, sha512: 128 } as const;

/** An image can be found, is known by its content, and fits on the disk. */
export const imageRule: Rule<CheckedProps> = ({ image, diskGiB }) => {
  if (image === undefined) return [];
  const { url, volume, datastore, minimumDiskGiB } = image.spec;
  return [
    ...matches("image", url, ADDRESS, "image_invalid"),
    ...matches("image", volume, VOLUME, "image_invalid"),
    ...matches("image.datastore", datastore, IDENTIFIER, "string_invalid"),
    ...(url === undefined ? [] : checksum(image.spec)),
    ...inRange("image.minimumDiskGiB", minimumDiskGiB, 1, 1024 * 1024),
    ...(known(diskGiB) && diskGiB < minimumDiskGiB
      ? [
          {
            code: "image_too_large" as const,
            prop: "diskGiB",
            got: `${diskGiB} GiB for an image of up to ${minimumDiskGiB}`,
          },
        ]
      : []),
  ];
};

type Spec = NonNullable<CheckedProps["image"]>["spec"];

function checksum({ checksum: given, checksumAlgorithm: algorithm, unverified }: Spec): Finding[] {
  if (given === undefined || algorithm === undefined)
    return unverified ? [] : [{ code: "image_unverified", prop: "image", got: "no checksum" }];
  if (!known(given)) return [];
  const digits = HEX_DIGITS[algorithm];
  if (typeof given === "string" && new RegExp(`^[0-9a-f]{${digits}}$`).test(given)) return [];
  return [
    {
      code: "image_checksum_invalid",
      prop: `image.${algorithm}`,
      got: show(given),
      expected: `${digits} lower-case hex digits`,
    },
  ];
}
