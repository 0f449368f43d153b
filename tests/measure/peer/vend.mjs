// A certificate vending function as they are published: one call, one answer, in Node.js with the AWS SDK.
//
// It reads the device's row, has AWS IoT make a certificate, attaches policy and Thing, writes the row and answers with
// the certificate. It stages nothing, queues nothing and claims nothing: half of the calls, and none of the promises.
import http from "node:http";
import {
  DynamoDBClient,
  GetItemCommand,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import {
  AttachPolicyCommand,
  AttachThingPrincipalCommand,
  CreateCertificateFromCsrCommand,
  CreateKeysAndCertificateCommand,
  CreateThingCommand,
  IoTClient,
} from "@aws-sdk/client-iot";

const { AWS_LAMBDA_RUNTIME_API: api, CVM_TABLE: table, CVM_POLICY: policy } = process.env;
const db = new DynamoDBClient({});
const iot = new IoTClient({});
const agent = new http.Agent({ keepAlive: true });

async function vend(event) {
  const { serialNumber, csr } = JSON.parse(event.body);
  const key = { productid: { S: serialNumber } };
  const found = await db.send(
    new GetItemCommand({ TableName: table, Key: key, ConsistentRead: true }),
  );
  if (!found.Item) return { statusCode: 401 };
  const made = csr
    ? await iot.send(
        new CreateCertificateFromCsrCommand({ certificateSigningRequest: csr, setAsActive: true }),
      )
    : await iot.send(new CreateKeysAndCertificateCommand({ setAsActive: true }));
  const principal = made.certificateArn;
  await iot.send(new AttachPolicyCommand({ policyName: policy, target: principal }));
  await iot.send(new CreateThingCommand({ thingName: serialNumber }));
  await iot.send(new AttachThingPrincipalCommand({ thingName: serialNumber, principal }));
  await db.send(
    new UpdateItemCommand({
      TableName: table,
      Key: key,
      UpdateExpression: "SET applyState = :s, certID = :c",
      ExpressionAttributeValues: { ":s": { N: "-1" }, ":c": { S: made.certificateId } },
    }),
  );
  const body = JSON.stringify({
    certificatePem: made.certificatePem,
    privateKey: made.keyPair?.PrivateKey,
  });
  return { statusCode: 200, body };
}

function call(method, path, body) {
  return new Promise((resolve, reject) => {
    const request = http.request(
      `http://${api}/2018-06-01/runtime/${path}`,
      { method, agent },
      (response) => {
        const chunks = [];
        response.on("data", (chunk) => chunks.push(chunk));
        response.on("end", () =>
          resolve({ headers: response.headers, body: Buffer.concat(chunks).toString() }),
        );
      },
    );
    request.on("error", reject);
    request.end(body);
  });
}

for (;;) {
  const next = await call("GET", "invocation/next");
  const id = next.headers["lambda-runtime-aws-request-id"];
  try {
    const answer = await vend(JSON.parse(next.body));
    await call("POST", `invocation/${id}/response`, JSON.stringify(answer));
  } catch (error) {
    const told = { errorType: error.name, errorMessage: error.message };
    await call("POST", `invocation/${id}/error`, JSON.stringify(told));
  }
}
