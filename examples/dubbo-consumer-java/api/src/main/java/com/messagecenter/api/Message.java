package com.messagecenter.api;

import java.io.Serializable;
import java.util.List;
import java.util.Map;

/** One message. Only businessType and businessData must be set. */
public class Message implements Serializable {

    private static final long serialVersionUID = 1L;

    /** 1 to 64 of A-Za-z0-9._:- ; unique within the tenant. Without one the service makes it, and a repeated call sends twice. */
    private String messageId;
    /** Default: the token's tenant. */
    private Long tenantId;
    /** Null: the tenant itself. */
    private Long storeId;
    /** With the channel it picks the template. */
    private String businessType;
    /** What templates are filled with: strings, numbers, booleans, dates, lists and maps. At most 64 KiB as JSON. */
    private Map<String, Object> businessData;
    /** Null: every configured channel. */
    private List<ChannelType> targetChannels;
    /** Delivery options: to, messageType, priority, sendAt, expiresAt, callbackUrl; other keys are open to templates. */
    private Map<String, Object> attributes;

    public String getMessageId() {
        return messageId;
    }

    public void setMessageId(String messageId) {
        this.messageId = messageId;
    }

    public Long getTenantId() {
        return tenantId;
    }

    public void setTenantId(Long tenantId) {
        this.tenantId = tenantId;
    }

    public Long getStoreId() {
        return storeId;
    }

    public void setStoreId(Long storeId) {
        this.storeId = storeId;
    }

    public String getBusinessType() {
        return businessType;
    }

    public void setBusinessType(String businessType) {
        this.businessType = businessType;
    }

    public Map<String, Object> getBusinessData() {
        return businessData;
    }

    public void setBusinessData(Map<String, Object> businessData) {
        this.businessData = businessData;
    }

    public List<ChannelType> getTargetChannels() {
        return targetChannels;
    }

    public void setTargetChannels(List<ChannelType> targetChannels) {
        this.targetChannels = targetChannels;
    }

    public Map<String, Object> getAttributes() {
        return attributes;
    }

    public void setAttributes(Map<String, Object> attributes) {
        this.attributes = attributes;
    }
}
