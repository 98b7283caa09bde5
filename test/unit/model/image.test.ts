import fc from 'fast-check';
import t from 'tap';
import {
  buildCodec,
  BUILD_STATES,
  buildId,
  makeBuild,
  makeMark,
  makeUpload,
  markCodec,
  parseBuildId,
  parseUploadId,
  uploadCodec,
  UPLOAD_STATES,
  uploadPrefix,
} from '../../../src/model/image.ts';

t.test('reads builds as other programs write them', async (t) => {
  const ready =
    '{"state": "ready", "state_time": 1718011800.7, "builder": "nb01.example.net", "builder_id": "0d0b7d3e", ' +
    '"formats": "qcow2,raw", "username": "zuul", "python_path": "auto", "shell_type": null}';
  t.match(buildCodec.decode(ready), {
    state: 'ready',
    stateTimeS: 1718011800.7,
    builder: 'nb01.example.net',
    builderId: '0d0b7d3e',
    formats: ['qcow2', 'raw'],
    username: 'zuul',
    pythonPath: 'auto',
    shellType: null,
    definition: null,
    error: null,
  });
  const oldest = '{"state": "building", "state_time": 3, "username": null}';
  t.match(buildCodec.decode(oldest), {
    formats: [],
    username: null,
    pythonPath: '/usr/bin/python2',
    builder: null,
  });
});

t.test('writes a build as other programs do', async (t) => {
  const text = buildCodec.encode(
    makeBuild({ state: 'building', stateTimeS: 1.5, formats: ['raw', 'qcow2'] }),
  );
  t.equal(
    text,
    '{"state":"building","state_time":1.5,"formats":"qcow2,raw","username":null,"python_path":null,"shell_type":null}',
  );
});

t.test('an upload keeps what is not known yet as null', async (t) => {
  t.same(JSON.parse(uploadCodec.encode(makeUpload({ stateTimeS: 2 }))), {
    state: 'uploading',
    state_time: 2,
    external_id: null,
    external_name: null,
    format: null,
    username: null,
    python_path: null,
    shell_type: null,
  });
});

t.test('a mark has no text, and keeps what others put into it', async (t) => {
  t.equal(markCodec.encode(makeMark()), '');
  t.same(markCodec.decode(''), makeMark());
  t.equal(markCodec.encode(markCodec.decode('{"by":"someone","n":1}')), '{"by":"someone","n":1}');
  t.throws(() => markCodec.decode('no json'));
});

t.test('ids are put together and taken apart', async (t) => {
  t.equal(buildId('debian', '0f'), 'debian/0f');
  t.same(parseBuildId('debian/0f'), { image: 'debian', build: '0f' });
  t.same(parseUploadId(`${uploadPrefix('debian', '0f', 'cloud')}0000000001`), {
    image: 'debian',
    build: '0f',
    provider: 'cloud',
    upload: '0000000001',
  });
});

const texts = fc.option(fc.string({ minLength: 1 }), { nil: null });
const unknown = fc.dictionary(fc.constantFrom('zone', 'new_field'), fc.jsonValue(), {
  noNullPrototype: true,
});

t.test('every build and upload comes back as it was written', async (t) => {
  const builds = fc.record({
    state: fc.constantFrom(...BUILD_STATES),
    stateTimeS: fc.integer({ min: 0, max: 4e9 }),
    builder: texts,
    builderId: texts,
    formats: fc.uniqueArray(fc.constantFrom('qcow2', 'raw', 'tar', 'vhd')).map((list) => list.sort()),
    username: texts,
    pythonPath: texts,
    shellType: texts,
    definition: texts,
    error: texts,
    durationS: fc.option(fc.nat(), { nil: null }),
    exitCode: fc.option(fc.nat(255), { nil: null }),
    failures: fc.option(fc.nat(9), { nil: null }),
    answers: fc.option(fc.nat(), { nil: null }),
    unknown,
  });
  fc.assert(fc.property(builds, (build) => t.same(buildCodec.decode(buildCodec.encode(build)), build)));
  const uploads = fc.record({
    state: fc.constantFrom(...UPLOAD_STATES),
    stateTimeS: fc.integer({ min: 0, max: 4e9 }),
    externalId: texts,
    externalName: texts,
    format: texts,
    username: texts,
    pythonPath: texts,
    shellType: texts,
    error: texts,
    sentBytes: fc.option(fc.nat(), { nil: null }),
    totalBytes: fc.option(fc.nat(), { nil: null }),
    unknown,
  });
  fc.assert(fc.property(uploads, (upload) => t.same(uploadCodec.decode(uploadCodec.encode(upload)), upload)));
});
