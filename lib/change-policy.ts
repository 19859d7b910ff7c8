/** What an edit of the seed (the user-data) may do to a VM that exists. */
export class ChangePolicy {
  /**
   * Nothing but deliver: the VM stays, and adopts the new settings when Proxmox starts it the next time.
   * Edits of what counts only when a VM is made (template, clone, VM id) are ignored.
   */
  public static keepVm(): ChangePolicy {
    return new ChangePolicy("keep");
  }

  /** Make the VM anew: an edited seed, template or VM id replaces it, and its disks. */
  public static replaceVm(): ChangePolicy {
    return new ChangePolicy("replace");
  }

  /**
   * Keep the VM, but let cloud-init run everything again: the instance-id follows the seed.
   * It takes effect when Proxmox starts the VM the next time, and makes new SSH host keys.
   */
  public static newInstance(): ChangePolicy {
    return new ChangePolicy("new-instance");
  }

  private constructor(
    /** @internal */
    public readonly kind: "keep" | "replace" | "new-instance",
  ) {}
}
