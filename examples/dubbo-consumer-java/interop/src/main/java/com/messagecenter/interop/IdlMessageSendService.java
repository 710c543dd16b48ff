package com.messagecenter.interop;

import com.messagecenter.api.idl.BatchSendResult;
import com.messagecenter.api.idl.Message;
import com.messagecenter.api.idl.MessageList;
import com.messagecenter.api.idl.SendResult;

/** The service of the published .proto: Dubbo sends protobuf messages as they are, without its wrapper. */
public interface IdlMessageSendService {

    SendResult sendMessage(Message message);

    BatchSendResult batchSendMessages(MessageList messages);
}
