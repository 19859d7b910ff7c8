export { Receiver } from "./receiver";
export type {
  AgentReceiver,
  ReceiverBinding,
  ReceiverProps,
  VmAnnouncement,
  VmRegistration,
  WaitForConfigured,
  WaitOptions,
} from "./props";
