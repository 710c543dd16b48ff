package com.messagecenter.api;

import java.util.List;

/** The message center's two calls. Both return once the messages are durable; they are sent right after. */
public interface MessageSendService {

    /**
     * Sends one message. The same messageId with the same content again is answered alike and sent once, so a call that
     * timed out can be repeated.
     */
    SendResult sendMessage(Message message);

    /** Sends 1 to 1000 messages. One bad message fails alone; results come in the order of the messages. */
    BatchSendResult batchSendMessages(List<Message> messages);
}
