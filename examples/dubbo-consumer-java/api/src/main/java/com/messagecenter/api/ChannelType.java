package com.messagecenter.api;

/** The built-in channels. */
public enum ChannelType {
    DINGTALK,
    WECHAT_WORK,
    LOCAL
}
