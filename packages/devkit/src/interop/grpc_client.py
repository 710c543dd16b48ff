"""A gRPC client that knows nothing but the server's address: it learns the calls by reflection, and sends."""

import sys

import grpc
from google.protobuf import descriptor_pool, message_factory
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

SERVICE = "com.messagecenter.api.MessageSendService"
address, token = sys.argv[1:]
channel = grpc.insecure_channel(address)
database = ProtoReflectionDescriptorDatabase(channel)
assert SERVICE in database.get_services(), database.get_services()
service = descriptor_pool.DescriptorPool(database).FindServiceByName(SERVICE)
print("ok      Python: the service is listed by reflection")

health = health_pb2_grpc.HealthStub(channel)
status = health.Check(health_pb2.HealthCheckRequest(service=SERVICE)).status
assert status == health_pb2.HealthCheckResponse.SERVING, status
print("ok      Python: health says SERVING")


def call(name, fill, metadata=(("token", token),)):
    method = service.FindMethodByName(name)
    request = message_factory.GetMessageClass(method.input_type)()
    fill(request)
    return channel.unary_unary(
        f"/{SERVICE}/{name}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=message_factory.GetMessageClass(method.output_type).FromString,
    )(request, metadata=metadata, timeout=10)


def fill(message, number=0):
    message.message_id = f"python-{number}"
    message.store_id = 9223372036854775807
    message.business_type = "订单"
    message.business_data = '{"no":1234567890123456789,"买家":"张三 🎉"}'


result = call("sendMessage", fill)
assert result.success and result.message_id == "python-0", result
batch = call("batchSendMessages", lambda request: [fill(request.messages.add(), number) for number in range(1000)])
assert batch.success_count == 1000, batch
print("ok      Python: a message, and a batch of 1000")
try:
    call("sendMessage", fill, metadata=())
    sys.exit("was not refused")
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.UNAUTHENTICATED, error
    assert error.details() == "a bearer token is required", error
print("ok      Python: no token is UNAUTHENTICATED, in our words")
