package com.messagecenter.interop;

import com.messagecenter.api.Message;
import com.messagecenter.api.MessageSendService;
import com.messagecenter.api.SendResult;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;

/** Sends single messages from many threads for some seconds, and tells how many were taken, and how many calls failed. */
public final class Load {

    private static final int ATTEMPTS = 5;
    private static final AtomicLong taken = new AtomicLong();
    private static final AtomicLong failed = new AtomicLong();
    private static final AtomicLong repeated = new AtomicLong();

    public static void main(String[] arguments) throws Exception {
        String addresses = arguments[0];
        String token = arguments[1];
        int threads = Integer.parseInt(arguments[2]);
        int seconds = Integer.parseInt(arguments[3]);
        String prefix = arguments[4];
        References.start("load");
        MessageSendService service = References.to(MessageSendService.class, addresses, "token=" + token, 5000, 4);
        run(service, threads, Math.max(1, seconds / 3), prefix + "-warm");
        System.out.println("measuring");
        System.out.println(told(run(service, threads, seconds, prefix)));
        System.exit(0);
    }

    /** @return messages taken a second. Message ids are prefix-thread-number, the numbers of a thread without a gap */
    static double run(MessageSendService service, int threads, int seconds, String prefix) throws Exception {
        long start = System.nanoTime();
        long end = start + seconds * 1_000_000_000L;
        taken.set(0);
        failed.set(0);
        CountDownLatch running = new CountDownLatch(threads);
        for (int thread = 0; thread < threads; thread++) {
            String own = prefix + "-" + thread + "-";
            Thread worker = new Thread(() -> {
                for (int number = 0; System.nanoTime() < end; number++) {
                    if (sent(service, Checks.message(own + number))) taken.incrementAndGet();
                    else failed.incrementAndGet();
                }
                running.countDown();
            });
            worker.setDaemon(true);
            worker.start();
        }
        running.await();
        return taken.get() / ((System.nanoTime() - start) / 1e9);
    }

    private static String told(double perSecond) {
        return String.format("{\"taken\":%d,\"failed\":%d,\"repeated\":%d,\"perSecond\":%.0f}", taken.get(), failed.get(), repeated.get(), perSecond);
    }

    /** Dubbo repeats what found no connection; a call that broke while it was under way is the caller's to repeat. */
    private static boolean sent(MessageSendService service, Message message) {
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            try {
                SendResult result = service.sendMessage(message);
                if (result.isSuccess()) return true;
                System.out.println("refused: " + result);
                return false;
            } catch (RuntimeException error) {
                repeated.incrementAndGet();
                if (attempt == ATTEMPTS - 1) System.out.println("call failed: " + error.getMessage());
            }
        }
        return false;
    }

    private Load() {}
}
