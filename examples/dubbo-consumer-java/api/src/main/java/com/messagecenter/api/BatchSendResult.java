package com.messagecenter.api;

import java.io.Serializable;
import java.util.List;

/** What became of the messages of a batch. */
public class BatchSendResult implements Serializable {

    private static final long serialVersionUID = 1L;

    private int totalCount;
    private int successCount;
    private int failedCount;
    /** In the order of the messages. */
    private List<SendResult> results;

    public int getTotalCount() {
        return totalCount;
    }

    public void setTotalCount(int totalCount) {
        this.totalCount = totalCount;
    }

    public int getSuccessCount() {
        return successCount;
    }

    public void setSuccessCount(int successCount) {
        this.successCount = successCount;
    }

    public int getFailedCount() {
        return failedCount;
    }

    public void setFailedCount(int failedCount) {
        this.failedCount = failedCount;
    }

    public List<SendResult> getResults() {
        return results;
    }

    public void setResults(List<SendResult> results) {
        this.results = results;
    }
}
