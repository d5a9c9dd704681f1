import type { LabelSpace, Stage } from '../gen/replymesh/type/v1/bundle.js';

/** Whether a stage runs for every query: what it makes is pooled, sampled or scored, or another stage reads it. The others run when a caller asks for every vote. */
export const isServed = ({ members, monteCarlo, outOfScope, stages }: LabelSpace, { outputs }: Stage): boolean => {
  const wanted = [
    ...members.filter((member) => member.weight > 0).map((member) => member.logitsTensor),
    ...stages.flatMap((stage) => stage.inputs),
    monteCarlo?.logitsTensor,
    outOfScope?.logitsTensor,
    outOfScope?.distanceTensor,
  ];
  return outputs.some((tensor) => wanted.includes(tensor));
};
