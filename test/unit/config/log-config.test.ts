import { join } from 'node:path';
import t, { type Test } from 'tap';
import { loadLogConfig } from '../../../src/config/log-config.ts';

async function load(t: Test, name: string, text: string): Promise<unknown> {
  const folder = t.testdir({ [name]: text });
  return loadLogConfig(join(folder, name)).catch((error: Error) =>
    error.message.replaceAll(`${folder}/`, ''),
  );
}

const YAML = `
version: 1
disable_existing_loggers: false
formatters:
  console: {format: '%(asctime)s %(levelname)s %(name)s: %(message)s'}
  json: {class: some.JsonFormatter}
handlers:
  console:
    class: logging.StreamHandler
    formatter: console
    stream: ext://sys.stdout
  normal:
    class: logging.handlers.TimedRotatingFileHandler
    level: INFO
    formatter: json
    filename: /var/log/nodepool/launcher.log
    when: midnight
    backupCount: 30
loggers:
  nodepool: {level: DEBUG, handlers: [console, normal], propagate: 0}
  kazoo: {level: WARN}
  requests: {level: CRITICAL}
root: {level: WARNING, handlers: [console]}
`;

const INI = `
# As logging.config.fileConfig takes it.
[loggers]
keys=root,nodepool,kazoo,requests
[handlers]
keys = console, normal
[formatters]
keys=console,json

[logger_root]
level=WARNING
handlers=console
[logger_nodepool]
level=DEBUG
handlers=console,normal
qualname=nodepool
propagate=0
[logger_kazoo]
level: WARN
handlers=
qualname=kazoo
[logger_requests]
level=CRITICAL
handlers=
qualname=requests

[handler_console]
class=StreamHandler
formatter=console
args=(sys.stdout,)
[handler_normal]
class=handlers.TimedRotatingFileHandler
level=INFO
formatter=json
args=('/var/log/nodepool/launcher.log',
  'midnight', 1, 30)

[formatter_console]
format=%(asctime)s %(levelname)s %(name)s: %(message)s
[formatter_json]
class=some.JsonFormatter
`;

const EXPECTED = {
  handlers: {
    console: { to: 'stdout', format: 'text' },
    normal: { to: { file: '/var/log/nodepool/launcher.log' }, format: 'json', level: 'info' },
  },
  loggers: {
    nodepool: { level: 'debug', handlers: ['console', 'normal'], propagate: false },
    kazoo: { level: 'warning', handlers: [], propagate: true },
    requests: { level: 'off', handlers: [], propagate: true },
    '': { level: 'warning', handlers: ['console'], propagate: true },
  },
  notices: [
    'the layout of formatter "console" is ignored: lines look the same everywhere',
    'handler "normal" does not rotate /var/log/nodepool/launcher.log: logrotate does',
  ],
};

t.test('reads the dictionary style', async (t) => {
  t.same(await load(t, 'log.yaml', YAML), EXPECTED);
});

t.test('reads the ini style', async (t) => {
  t.same(await load(t, 'log.conf', INI), EXPECTED);
});

t.test('reads JSON', async (t) => {
  const config = { version: 1, handlers: {}, loggers: { root: { level: 10 }, a: { level: 'NOTSET' } } };
  t.match(await load(t, 'log.json', JSON.stringify(config, null, 1)), {
    loggers: { '': { level: 'debug' } },
  });
});

t.test('names every mistake of a dictionary', async (t) => {
  const text = `handlers:
  mail:
    class: logging.handlers.SMTPHandler
  file:
    class: logging.FileHandler
    filename: launcher.log
    level: LOUD
  console: {class: logging.StreamHandler, stream: ext://sys.stdin}
loggers:
  nodepool: {handlers: [file, nowhere], propagate: maybe}
  kazoo: WARN
`;
  t.equal(
    await load(t, 'log.yaml', text),
    `log.yaml:3: handlers.mail.class: expected one of the handlers logging.StreamHandler, logging.FileHandler, logging.WatchedFileHandler, logging.TimedRotatingFileHandler, logging.RotatingFileHandler, found "logging.handlers.SMTPHandler"
log.yaml:6: handlers.file.filename: expected the absolute path of the log file, found "launcher.log"
log.yaml:7: handlers.file.level: expected one of DEBUG, INFO, WARNING, WARN, ERROR, CRITICAL, FATAL, found "LOUD"
log.yaml:8: handlers.console.stream: expected "ext://sys.stdout" or "ext://sys.stderr", found "ext://sys.stdin"
log.yaml:10: loggers.nodepool.handlers[1]: expected the name of a handler (there are: mail, file, console), found "nowhere"
log.yaml:10: loggers.nodepool.propagate: expected true or false, found "maybe"
log.yaml:11: loggers.kazoo: expected a mapping, found "WARN"`,
  );
});

t.test('names every mistake of an ini file', async (t) => {
  const text = `[loggers]
keys=root,gone
[handlers]
keys=file
[logger_root]
level=LOUD
handlers=file,nowhere
[handler_file]
class=FileHandler
args=('launcher.log',)
nonsense
`;
  t.equal(
    await load(t, 'log.conf', text),
    `log.conf:2: loggers.keys: expected a section [logger_gone], found no such section
log.conf:6: root.level: expected one of DEBUG, INFO, WARNING, WARN, ERROR, CRITICAL, FATAL, found "LOUD"
log.conf:7: root.handlers[1]: expected the name of a handler (there are: file), found "nowhere"
log.conf:8: handlers.file.filename: expected the absolute path of the log file, found "launcher.log"
log.conf:11: expected "[section]" or "key=value", found "nonsense"`,
  );
});

t.test('refuses files that are empty or absent', async (t) => {
  t.match(await load(t, 'log.yaml', ''), /^log.yaml: expected a logging configuration, found nothing$/);
  t.match(await load(t, 'log.conf', ''), /^log.conf: expected a logging configuration, found nothing$/);
  await t.rejects(loadLogConfig('/nonexistent/log.yaml'), {
    message: /expected a readable .* found no such file/,
  });
});
