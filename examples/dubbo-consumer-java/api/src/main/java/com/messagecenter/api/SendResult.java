package com.messagecenter.api;

import java.io.Serializable;

/** What became of one message that was handed in. */
public class SendResult implements Serializable {

    private static final long serialVersionUID = 1L;

    /** True: the message is durable, now or since an earlier call with the same content. */
    private boolean success;
    private String messageId;
    /** VALIDATION_FAILED, FORBIDDEN, MESSAGE_ID_CONFLICT, PAYLOAD_TOO_LARGE, UNAVAILABLE (send it again) … Null on success. */
    private String errorCode;
    /** For people; names the field. */
    private String errorMessage;

    public boolean isSuccess() {
        return success;
    }

    public void setSuccess(boolean success) {
        this.success = success;
    }

    public String getMessageId() {
        return messageId;
    }

    public void setMessageId(String messageId) {
        this.messageId = messageId;
    }

    public String getErrorCode() {
        return errorCode;
    }

    public void setErrorCode(String errorCode) {
        this.errorCode = errorCode;
    }

    public String getErrorMessage() {
        return errorMessage;
    }

    public void setErrorMessage(String errorMessage) {
        this.errorMessage = errorMessage;
    }

    @Override
    public String toString() {
        return success ? "sent " + messageId : errorCode + ": " + errorMessage;
    }
}
