package com.messagecenter.interop;

import com.messagecenter.api.BatchSendResult;
import com.messagecenter.api.Message;
import com.messagecenter.api.MessageSendService;
import com.messagecenter.api.SendResult;
import java.util.List;
import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.ProtocolConfig;
import org.apache.dubbo.config.RegistryConfig;
import org.apache.dubbo.config.ServiceConfig;
import org.apache.dubbo.config.bootstrap.DubboBootstrap;

/** A Java provider that only answers: the measure of what Dubbo itself can do on this machine. */
public final class Provider implements MessageSendService {

    @Override
    public SendResult sendMessage(Message message) {
        SendResult result = new SendResult();
        result.setSuccess(true);
        result.setMessageId(message.getMessageId());
        return result;
    }

    @Override
    public BatchSendResult batchSendMessages(List<Message> messages) {
        BatchSendResult result = new BatchSendResult();
        result.setTotalCount(messages.size());
        result.setSuccessCount(messages.size());
        result.setResults(messages.stream().map(this::sendMessage).toList());
        return result;
    }

    public static void main(String[] arguments) {
        ApplicationConfig application = new ApplicationConfig("provider");
        application.setQosEnable(false);
        ServiceConfig<MessageSendService> service = new ServiceConfig<>();
        service.setInterface(MessageSendService.class);
        service.setRef(new Provider());
        ProtocolConfig protocol = new ProtocolConfig("tri", Integer.parseInt(arguments[0]));
        protocol.setHost("127.0.0.1");
        DubboBootstrap.getInstance()
                .application(application)
                .registry(new RegistryConfig(RegistryConfig.NO_AVAILABLE))
                .protocol(protocol)
                .service(service)
                .start();
        System.out.println("provider is ready");
        DubboBootstrap.getInstance().await();
    }
}
