package com.messagecenter.interop;

import com.messagecenter.api.MessageSendService;

/**
 * Calls a second of two services by one client, in turns of a second: whatever else the machine is busy with meets both.
 */
public final class Compare {

    public static void main(String[] arguments) throws Exception {
        String token = arguments[2];
        int threads = Integer.parseInt(arguments[3]);
        int rounds = Integer.parseInt(arguments[4]);
        References.start("compare");
        MessageSendService[] services = new MessageSendService[2];
        for (int i = 0; i < 2; i++) services[i] = References.to(MessageSendService.class, arguments[i], "token=" + token, 5000, 0);
        double[] perSecond = new double[2];
        for (int round = -rounds; round < rounds; round++) {
            for (int i = 0; i < 2; i++) {
                double measured = Load.run(services[i], threads, 1, "compare-" + i + "-" + round);
                // The first half warms both up.
                if (round >= 0) perSecond[i] += measured / rounds;
            }
        }
        System.out.printf("{\"first\":%.0f,\"second\":%.0f}%n", perSecond[0], perSecond[1]);
        System.exit(0);
    }

    private Compare() {}
}
