export const DEMO_TENANT = '1'
const BUSINESS_TYPE = 'ORDER_CREATED'

/** What the demo tenant sends with: one robot of each provider (the sandbox lets any token in) and the inbox. */
export const DEMO_CHANNEL_CONFIGS = [
  {
    channelType: 'DINGTALK',
    channelName: '演示钉钉群机器人',
    configJson: { mode: 'robot', accessToken: 'demo-dingtalk-robot', secret: 'SECdemo0123456789abcdef' },
    rateLimitCount: 20,
    rateLimitWindow: 1,
    rateLimitUnit: 'MINUTE',
  },
  {
    channelType: 'WECHAT_WORK',
    channelName: '演示企业微信群机器人',
    configJson: { mode: 'robot', key: '693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa' },
    rateLimitCount: 20,
    rateLimitWindow: 1,
    rateLimitUnit: 'MINUTE',
  },
  { channelType: 'LOCAL', channelName: '演示站内信', configJson: { recipients: ['${buyer.userId}'] } },
]

const DINGTALK_MARKDOWN = JSON.stringify({
  title: '新订单 ${orderNo}',
  text: '### 新订单 ${orderNo}\n\n- 客户：**${buyer.name}**\n- 金额：**¥${amount}**\n${#items}- ${name} × ${quantity}\n${/items}',
})

const WECHAT_WORK_MARKDOWN = `**新订单 \${orderNo}**
> 客户：<font color="info">\${buyer.name}</font>
> 金额：<font color="warning">¥\${amount}</font>
\${#items}> \${name} × \${quantity}
\${/items}`

export const DEMO_TEMPLATES = [
  template('DINGTALK', 'MARKDOWN', '新订单（钉钉）', DINGTALK_MARKDOWN),
  template('WECHAT_WORK', 'MARKDOWN', '新订单（企业微信）', WECHAT_WORK_MARKDOWN),
  template('LOCAL', 'TEXT', '新订单（站内信）', '${buyer.name}，您的订单 ${orderNo} 已创建，金额 ¥${amount}。'),
]

/** The first message of a demo tenant: the one that the examples of the OpenAPI document look up. */
export const FIRST_MESSAGE_ID = 'demo-1'

export const DEMO_MESSAGE = {
  businessType: BUSINESS_TYPE,
  businessData: {
    orderNo: 'SO20250101-0001',
    amount: '128.50',
    buyer: { userId: 'zhangsan', name: '张三' },
    items: [
      { name: '龙井茶 250g', quantity: 1 },
      { name: '青瓷茶杯', quantity: 2 },
    ],
  },
}

function template(channelType: string, messageType: string, templateName: string, templateContent: string) {
  return { businessType: BUSINESS_TYPE, channelType, messageType, templateName, templateContent }
}
