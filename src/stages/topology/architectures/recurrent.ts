/** Networks around a recurrent cell. */

import type { Architecture } from "./architecture.ts";
import { Network } from "./network.ts";

/** baby-a3c: four convolutions, a GRU, an actor and a critic. */
export const babyA3c: Architecture = {
  name: "baby-a3c",
  build(facts) {
    const signs = ["gru.weight_ih", "conv1.weight", "actor_linear.weight", "critic_linear.weight"] as const;
    const net = Network.find("baby-a3c", facts, [...signs]);
    if (net === null) return null;
    let x = net.input();
    for (const name of ["conv1", "conv2", "conv3", "conv4"]) x = net.conv(name, x);
    const state = net.cell("gru", "gru", net.flatten(x));
    net.linear("critic_linear", state);
    net.linear("actor_linear", state);
    return net.finish();
  },
};

/** Silero's voice detector: the magnitude of a short-time spectrum, convolutions, an LSTM. */
export const sileroVad: Architecture = {
  name: "Silero VAD",
  build(facts) {
    const signs = ["stft_conv.weight", "lstm_cell.weight_ih", "final_conv.weight"] as const;
    const net = Network.find("Silero VAD", facts, [...signs]);
    if (net === null) return null;
    const spectrum = net.conv("stft_conv", net.input());
    let x = net.stop(
      "the magnitude of a complex spectrum mixes two channels, its real and its imaginary part, and not linearly",
      (net.channels(spectrum) ?? 0) / 2,
      spectrum,
    );
    for (const name of ["conv1", "conv2", "conv3", "conv4"]) x = net.conv(name, x);
    net.conv("final_conv", net.cell("lstm", "lstm_cell", x));
    return net.finish();
  },
};
